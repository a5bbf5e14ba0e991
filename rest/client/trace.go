package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/weft-sdn/weft/model"
)

// Trace asks what becomes of a packet from one endpoint to another.
func (c *Client) Trace(ctx context.Context, question model.TraceRequest) (model.TraceResult, error) {
	var result model.TraceResult
	body, err := json.Marshal(question)
	if err != nil {
		return result, err
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: []string{"trace"}, body: body}, &result)
	return result, err
}
