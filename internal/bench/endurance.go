package main

import "context"

func measureEndurance(ctx context.Context, r *report) error { return nil }
