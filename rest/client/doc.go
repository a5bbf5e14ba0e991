// Package client speaks to the controller's REST API from Go. The weft
// command, the lab and the agent use it.
//
// It imports the model only: what crosses the wire are the model's nouns, and
// a refusal comes back as the *model.Error that the controller made. It keeps
// no state, retries nothing and decides nothing.
package client
