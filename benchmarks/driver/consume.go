package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordPool hands the memory of records out again, so that the driver's own garbage is not what is measured.
type recordPool struct{ slices sync.Pool }

func (p *recordPool) GetRecords(n int) []kgo.Record {
	if slice, ok := p.slices.Get().(*[]kgo.Record); ok && cap(*slice) >= n {
		return (*slice)[:0]
	}
	return make([]kgo.Record, 0, n)
}

func (p *recordPool) PutRecords(slice []kgo.Record) { p.slices.Put(&slice) }

// consume reads o.records from the start of every partition, by assignment, and checks that offsets grow.
func consume(ctx context.Context, o options) (any, error) {
	offsets := map[int32]kgo.Offset{}
	for partition := range o.partitions {
		offsets[int32(partition)] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(o.bootstrap),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.topic: offsets}),
		kgo.KeepControlRecords(),
		kgo.WithPools(&recordPool{}),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cpu, started := cpuSeconds(), time.Now()
	next := make([]int64, o.partitions)
	var records int
	var bytes int64
	for records < o.records {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return nil, fmt.Errorf("after %d of %d records: %w", records, o.records, errs[0].Err)
		}
		var wrong error
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, record := range p.Records {
				if record.Offset < next[p.Partition] {
					wrong = fmt.Errorf("partition %d: offset %d after %d", p.Partition, record.Offset, next[p.Partition]-1)
				}
				next[p.Partition] = record.Offset + 1
				bytes += int64(len(record.Value))
				record.Recycle()
			}
			records += len(p.Records)
		})
		if wrong != nil {
			return nil, wrong
		}
	}
	seconds := time.Since(started).Seconds()
	return rates(records, bytes, seconds, cpuSeconds()-cpu), nil
}
