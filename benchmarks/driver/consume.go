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

// consumed is what one or several passes over a topic have come to.
type consumed struct {
	records int
	bytes   int64
	seconds float64
	cpu     float64
}

// consume reads o.records from the start of every partition o.times, each time as a new client.
func consume(ctx context.Context, o options) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var total consumed
	pool := &recordPool{}
	for range o.times {
		if err := consumeOnce(ctx, o, pool, &total); err != nil {
			return nil, err
		}
	}
	return rates(total.records, total.bytes, total.seconds, total.cpu), nil
}

// consumeOnce reads by assignment, checks that offsets grow, and adds what it took to total.
func consumeOnce(ctx context.Context, o options, pool *recordPool, total *consumed) error {
	offsets := map[int32]kgo.Offset{}
	for partition := range o.partitions {
		offsets[int32(partition)] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(o.bootstrap),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.topic: offsets}),
		kgo.KeepControlRecords(),
		kgo.WithPools(pool),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	cpu, started := cpuSeconds(), time.Now()
	next := make([]int64, o.partitions)
	var records int
	for records < o.records {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return fmt.Errorf("after %d of %d records: %w", records, o.records, errs[0].Err)
		}
		var wrong error
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, record := range p.Records {
				if record.Offset < next[p.Partition] {
					wrong = fmt.Errorf("partition %d: offset %d after %d", p.Partition, record.Offset, next[p.Partition]-1)
				}
				next[p.Partition] = record.Offset + 1
				total.bytes += int64(len(record.Value))
				record.Recycle()
			}
			records += len(p.Records)
		})
		if wrong != nil {
			return wrong
		}
	}
	total.records += records
	total.seconds += time.Since(started).Seconds()
	total.cpu += cpuSeconds() - cpu
	return nil
}
