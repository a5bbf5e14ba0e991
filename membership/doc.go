// Package membership tells who is there: agents and controllers of one cluster
// gossip (SWIM, by hashicorp/memberlist), and each says a few facts about
// itself, such as its VTEP and where a controller listens. Nothing that anybody
// wants travels here: wanted state has one owner, the controller's store
// (docs/decisions/gossip-facts.md).
//
// Controllers and agents import it. It imports nothing of ours and does not know
// what its facts are for: whether a host is down, or a VTEP may be used, is
// decided by the controller.
//
// Join starts a member, View shows what it knows at the moment, Config.Changed
// tells of transitions. A Token is what a person carries from the controller to
// a host so that it can take part.
package membership
