package control

import (
	"context"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// SettleTime is how long a container waits for its flows at the most.
const SettleTime = 2 * time.Second

// UntilInstalled waits a moment for the flows of a new port, so that the first
// packet of a container finds them. It is no condition: the container comes up
// without as well.
func (c *Control) UntilInstalled(ctx context.Context, endpoint string) {
	ctx, cancel := context.WithTimeout(ctx, SettleTime)
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		var now model.Endpoint
		err := c.Call(ctx, func(ctx context.Context, api *client.Client) (err error) {
			now, err = api.Endpoint(ctx, endpoint)
			return err
		})
		if err != nil || now.State == model.Installed {
			return
		}
	}
}
