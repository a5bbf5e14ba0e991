package store

// Reaches says whether Watch can begin after revision from: nil, or ErrCompacted.
func (s *Store) Reaches(from uint64) error {
	_, err := s.history(from)
	return err
}
