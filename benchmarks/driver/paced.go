package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// percentiles sorts millis.
func percentiles(millis []float64) map[string]any {
	if len(millis) == 0 {
		return map[string]any{"records": 0}
	}
	sort.Float64s(millis)
	at := func(share float64) float64 { return millis[min(len(millis)-1, int(share*float64(len(millis))))] }
	return map[string]any{
		"records": len(millis),
		"p50Ms":   at(0.50), "p99Ms": at(0.99), "p999Ms": at(0.999), "maxMs": millis[len(millis)-1],
	}
}

// paced produces at a fixed rate and measures the time to each acknowledgement from the moment the record was due, so a
// stall is charged to every record that had to wait for it. With -seconds 0 it runs until standard input ends, and each
// line read from there opens a new window; percentiles are printed per window.
func paced(ctx context.Context, o options) (any, error) {
	client, err := producer(o, kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	value := noise(o.valueBytes)
	// The first record pays for connections and metadata.
	if err := client.ProduceSync(ctx, &kgo.Record{Value: value, Key: []byte("first")}).FirstErr(); err != nil {
		return nil, err
	}
	var stop atomic.Bool
	var mutex sync.Mutex
	windows := [][]float64{nil}
	if o.seconds > 0 {
		time.AfterFunc(time.Duration(o.seconds*float64(time.Second)), func() { stop.Store(true) })
	} else {
		go func() {
			for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
				mutex.Lock()
				windows = append(windows, nil)
				mutex.Unlock()
			}
			stop.Store(true)
		}()
	}
	var refused int
	gap := time.Second / time.Duration(o.ratePerSecond)
	started := time.Now()
	for i := 0; !stop.Load(); i++ {
		due := started.Add(time.Duration(i) * gap)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		record := &kgo.Record{Value: value, Key: fmt.Appendf(nil, "p%d", i), Partition: int32(i % o.partitions)}
		mutex.Lock()
		window := len(windows) - 1
		mutex.Unlock()
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			took := float64(time.Since(due).Microseconds()) / 1000
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				refused++
				return
			}
			windows[window] = append(windows[window], took)
		})
	}
	if err := client.Flush(ctx); err != nil {
		return nil, err
	}
	if refused > 0 {
		return nil, fmt.Errorf("%d records refused", refused)
	}
	out := []map[string]any{}
	for _, window := range windows {
		out = append(out, percentiles(window))
	}
	return map[string]any{"windows": out}, nil
}

// roundtrip produces one record at a time and measures the time until a consumer that waits for it has it.
func roundtrip(ctx context.Context, o options) (any, error) {
	client, err := producer(o,
		kgo.ProducerLinger(0),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.topic: {0: kgo.NewOffset().AtStart()}}),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	value := noise(o.valueBytes)
	millis := make([]float64, 0, o.records)
	// The first tenth warms connections and code, and is not counted.
	warm := o.records / 10
	for i := range o.records + warm {
		started := time.Now()
		client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel()
			}
		})
		seen := 0
		for seen == 0 {
			fetches := client.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				return nil, err
			}
			seen = fetches.NumRecords()
		}
		if seen != 1 {
			return nil, fmt.Errorf("record %d came %d times", i, seen)
		}
		if i >= warm {
			millis = append(millis, float64(time.Since(started).Microseconds())/1000)
		}
	}
	return percentiles(millis), nil
}
