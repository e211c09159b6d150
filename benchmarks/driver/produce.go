package main

import (
	"context"
	"fmt"
	"math/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordOverhead is what a record in a batch takes besides its value, roughly; it decides after how many records the
// driver turns to the next partition, so that batches fill.
const recordOverhead = 10

func producer(o options, extra ...kgo.Opt) (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.bootstrap),
		kgo.DefaultProduceTopic(o.topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(int32(o.batchBytes)),
		kgo.MaxBufferedRecords(1 << 20),
		kgo.MaxBufferedBytes(128 << 20),
	}
	switch o.acks {
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	return kgo.NewClient(append(opts, extra...)...)
}

func noise(bytes int) []byte {
	value := make([]byte, bytes)
	rand.New(rand.NewSource(7)).Read(value)
	return value
}

// produce sends o.records as fast as the broker takes them.
func produce(ctx context.Context, o options) (any, error) {
	client, err := producer(o, kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return nil, err
	}
	value := noise(o.valueBytes)
	var keys [][]byte
	for i := range o.keys {
		keys = append(keys, fmt.Appendf(nil, "key-%08d", i))
	}
	random := rand.New(rand.NewSource(11))
	perTurn := max(1, o.batchBytes/(o.valueBytes+recordOverhead))
	var refused atomic.Int64
	var firstError atomic.Value
	pool := sync.Pool{New: func() any { return new(kgo.Record) }}
	done := func(record *kgo.Record, err error) {
		if err != nil {
			if refused.Add(1) == 1 {
				firstError.Store(err)
			}
		}
		*record = kgo.Record{}
		pool.Put(record)
	}
	cpu, started := cpuSeconds(), time.Now()
	for i := range o.records {
		record := pool.Get().(*kgo.Record)
		record.Value = value
		record.Partition = int32((i / perTurn) % o.partitions)
		if keys != nil {
			record.Key = keys[random.Intn(len(keys))]
		}
		client.Produce(ctx, record, done)
	}
	if err := client.Flush(ctx); err != nil {
		return nil, err
	}
	seconds := time.Since(started).Seconds()
	if n := refused.Load(); n > 0 {
		return nil, fmt.Errorf("%d records refused, the first: %w", n, firstError.Load().(error))
	}
	return rates(o.records, int64(o.records)*int64(o.valueBytes), seconds, cpuSeconds()-cpu), nil
}

func rates(records int, bytes int64, seconds, cpu float64) map[string]any {
	return map[string]any{
		"records":          records,
		"bytes":            bytes,
		"seconds":          seconds,
		"recordsPerSecond": float64(records) / seconds,
		"megabytesPerSec":  float64(bytes) / seconds / 1e6,
		"cpuSeconds":       cpu,
	}
}
