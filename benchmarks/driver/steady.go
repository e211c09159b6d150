package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

const (
	pageBytes = 4096
	// One page of each of these stays: what is free between them never grows to the 2 MiB that a guest gives back.
	pinEveryBytes = 1 << 20
	madvHugePage  = 14
	madvNoHuge    = 15
	madvDontNeed  = 4
)

// touched maps memory and writes to every page of it.
func touched(bytes int, advice int) ([]byte, error) {
	memory, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes: %w", bytes, err)
	}
	_ = syscall.Madvise(memory, advice)
	for i := 0; i < bytes; i += pageBytes {
		memory[i] = 1
	}
	return memory, nil
}

// steady makes memory cost the same all the time, until standard input ends.
//
// A virtual machine with free page reporting gives free blocks of 2 MiB back to its host, and pays 2.5 s per GB when
// it touches them again: ten times what a broker needs to write as much. So everything but -free-bytes is held, and of
// that a page in every MiB: brokers then run on memory that the host has given already.
func steady(_ context.Context, o options) (any, error) {
	// Whoever needs the memory more urgently gets it.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o644)
	started := time.Now()
	scattered, err := touched(o.freeBytes, madvNoHuge)
	if err != nil {
		return nil, err
	}
	held, err := touched(o.holdBytes, madvHugePage)
	if err != nil {
		return nil, err
	}
	for i := 0; i+pinEveryBytes <= len(scattered); i += pinEveryBytes {
		if err := syscall.Madvise(scattered[i+pageBytes:i+pinEveryBytes], madvDontNeed); err != nil {
			return nil, err
		}
	}
	ready := map[string]any{"event": "ready", "seconds": time.Since(started).Seconds()}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return map[string]any{"event": "closed", "pages": int(held[0]) + int(scattered[0])}, nil
}
