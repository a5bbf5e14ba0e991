package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

var pathVariable = regexp.MustCompile(`\{(\w+)\}`)

// openAPI makes the document of /openapi.json (OpenAPI 3.0.3) from the table
// of routes. Its schemas come from the types that are decoded and encoded.
func openAPI(table []route) ([]byte, error) {
	schemas := schemas{}
	paths := map[string]schema{}
	for i := range table {
		r := &table[i]
		if paths[r.path] == nil {
			paths[r.path] = schema{}
		}
		paths[r.path][strings.ToLower(r.method)] = r.document(schemas)
	}
	document, err := json.MarshalIndent(schema{
		"openapi": "3.0.3",
		"info": schema{
			"title":       "Weft",
			"description": "Networks for containers on many hosts, declared here and programmed into every host's Open vSwitch.",
			"version":     "1",
			"license":     schema{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"paths": paths,
		"components": schema{
			"schemas":         schemas,
			"securitySchemes": schema{"token": schema{"type": "http", "scheme": "bearer", "description": "where the controller was started with --token-file"}},
		},
		"security": []schema{{}, {"token": []string{}}},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot make the OpenAPI document: %w", err)
	}
	return append(document, '\n'), nil
}

func (r *route) document(schemas schemas) schema {
	operation := schema{
		"operationId": r.operation,
		"summary":     r.summary,
		"responses":   r.responses(schemas),
	}
	if parameters := r.documentParameters(); len(parameters) > 0 {
		operation["parameters"] = parameters
	}
	if r.body != nil {
		operation["requestBody"] = schema{
			"required": true,
			"content":  schema{"application/json": schema{"schema": schemas.of(r.body)}},
		}
	}
	return operation
}

func (r *route) documentParameters() []schema {
	var parameters []schema
	for _, variable := range pathVariable.FindAllStringSubmatch(r.path, -1) {
		parameters = append(parameters, schema{
			"name": variable[1], "in": "path", "required": true, "schema": schema{"type": "string"},
		})
	}
	for _, p := range r.parameters {
		parameters = append(parameters, schema{
			"name": p.name, "in": "query", "description": p.about, "schema": p.schema,
		})
	}
	header := func(name, about string) {
		parameters = append(parameters, schema{
			"name": name, "in": "header", "description": about, "schema": schema{"type": "string"},
		})
	}
	switch {
	case r.method == http.MethodPut, r.method == http.MethodDelete:
		header("If-Match", "the ETag of the object as it was read; 412 when it has changed since")
	case r.has(http.StatusNotModified):
		header("If-None-Match", "the ETag that is known already")
	case r.operation == "watch":
		header("Last-Event-ID", "the id of the last event seen, stronger than since")
	}
	return parameters
}

func (r *route) has(status int) bool {
	for _, a := range r.answers {
		if a.status == status {
			return true
		}
	}
	return false
}

// responses lists how the call can end. Several answers of one status are
// kinds of content to choose from.
func (r *route) responses(schemas schemas) schema {
	responses := schema{
		"default": schema{
			"description": "a problem (RFC 9457)",
			"content":     schema{"application/problem+json": schema{"schema": schemas.of(Problem{})}},
		},
	}
	for _, a := range r.answers {
		status := fmt.Sprint(a.status)
		if responses[status] == nil {
			responses[status] = schema{"description": a.about}
		}
		if a.body == nil {
			continue
		}
		media := a.media
		if media == "" {
			media = "application/json"
		}
		response := responses[status].(schema)
		if response["content"] == nil {
			response["content"] = schema{}
		}
		response["content"].(schema)[media] = schema{"schema": schemas.of(a.body)}
	}
	return responses
}
