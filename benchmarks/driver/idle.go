package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// apiVersionsProbe is ApiVersions v0 with a null client id.
var apiVersionsProbe = []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff}

// idle opens connections, has each answered once, says so in one line, and holds them until standard input ends.
func idle(_ context.Context, o options) (any, error) {
	started := time.Now()
	connections := make([]net.Conn, 0, o.connections)
	for range o.connections {
		connection, err := net.DialTimeout("tcp", o.bootstrap, 10*time.Second)
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", len(connections)+1, err)
		}
		connections = append(connections, connection)
		_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := connection.Write(apiVersionsProbe); err != nil {
			return nil, err
		}
		var size [4]byte
		if _, err := io.ReadFull(connection, size[:]); err != nil {
			return nil, fmt.Errorf("connection %d got no answer: %w", len(connections), err)
		}
		body := int64(size[0])<<24 | int64(size[1])<<16 | int64(size[2])<<8 | int64(size[3])
		if _, err := io.CopyN(io.Discard, connection, body); err != nil {
			return nil, err
		}
	}
	ready := map[string]any{"event": "ready", "connections": len(connections), "seconds": time.Since(started).Seconds()}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, connection := range connections {
		_ = connection.Close()
	}
	return map[string]any{"event": "closed"}, nil
}
