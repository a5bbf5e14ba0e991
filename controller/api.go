package controller

import (
	"context"
	"time"

	"github.com/weft-sdn/weft/model"
)

// WriteOptions are what a request may ask of a write besides the write itself.
type WriteOptions struct {
	DryRun  bool          // validate and say what would change, change nothing
	Wait    bool          // return when every host concerned has confirmed
	Timeout time.Duration // how long to wait; 0: DefaultWait
	IfMatch uint64        // refuse unless the object has this revision; 0: any
	Force   bool          // delete a network together with its endpoints
	Prune   string        // Apply only: the source whose earlier objects go, when they are not in the document
}

// Outcome says what a write did.
type Outcome struct {
	Revision    uint64
	Created     bool                   // false: it was there already, or was changed
	Differences []model.HostDifference // of a dry run
}

var _ = context.Background
