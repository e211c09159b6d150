// Command franz-go-scenarios puts franz-go behind the contract of interop/README.md.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const largest = 80_000_000

type content struct {
	bytes []byte
}

// UnmarshalJSON takes null, text, or {"bytes": n} for n bytes of which the i-th is i modulo 251.
func (c *content) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		c.bytes = nil
		return nil
	}
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		c.bytes = []byte(text)
		if c.bytes == nil {
			c.bytes = []byte{}
		}
		return nil
	}
	var sized struct{ Bytes int }
	if err := json.Unmarshal(raw, &sized); err != nil {
		return err
	}
	c.bytes = make([]byte, sized.Bytes)
	for i := range c.bytes {
		c.bytes[i] = byte(i % 251)
	}
	return nil
}

type record struct {
	Topic     string
	Partition int32
	Key       content
	Value     content
	Headers   [][2]*string
	Timestamp *int64
}

type request struct {
	ID         int
	Bootstrap  string
	Op         string
	Topic      string
	Partition  int32
	Codec      string
	Acks       int
	Idempotent bool
	Records    []record
	Then       []record
	Offset     int64
	Count      int
	At         []int64
	Partitions int32
	Total      int
	Configs    map[string]string
	Names      []string
	Set        map[string]string

	Group            string
	Topics           []string
	Pattern          *string
	Protocol         string
	Assignor         string
	InstanceID       *string
	SessionTimeoutMs int
	AutoCommitMs     *int
	Isolation        string
	MaxPollRecords   int
	TransactionalID  *string
	Async            bool
	End              string
	Offsets          partitionOffsets
}

type answer map[string]any

// unsupported is what the client has no function for; the reason stands in the table.
type unsupported string

func (u unsupported) Error() string { return string(u) }

var input = bufio.NewReaderSize(os.Stdin, 1<<20)

func say(a answer) {
	line, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", line)
}

func main() {
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
		a, err := handle(ctx, r)
		cancel()
		var reason unsupported
		if errors.As(err, &reason) {
			say(answer{"id": r.ID, "unsupported": err.Error()})
			continue
		}
		if err != nil {
			say(answer{"id": r.ID, "ok": false, "error": err.Error()})
			continue
		}
		a["id"], a["ok"] = r.ID, true
		say(a)
	}
}

func handle(ctx context.Context, r request) (answer, error) {
	switch r.Op {
	case "produce":
		return produce(ctx, r)
	case "consume":
		return consume(ctx, r)
	case "join":
		return join(r)
	case "poll":
		return poll(ctx)
	case "commit":
		return commit(ctx, r)
	case "leave":
		return leave(ctx)
	case "transact":
		return transact(ctx, r)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Bootstrap), kgo.ClientID("interop-franz-go"))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return administer(ctx, kadm.NewClient(client), r)
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func produce(ctx context.Context, r request) (answer, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(r.Bootstrap), kgo.ClientID("interop-franz-go"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[r.Codec]),
		kgo.ProducerBatchMaxBytes(largest), kgo.BrokerMaxWriteBytes(2 * largest),
		kgo.ProducerLinger(50 * time.Millisecond),
		kgo.RequiredAcks(map[int]kgo.Acks{0: kgo.NoAck(), 1: kgo.LeaderAck(), -1: kgo.AllISRAcks()}[r.Acks]),
	}
	if !r.Idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	offsets := []*int64{}
	send := func(records []record) error {
		out := []*kgo.Record{}
		for _, one := range records {
			made := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: one.Key.bytes, Value: one.Value.bytes}
			if one.Timestamp != nil {
				made.Timestamp = time.UnixMilli(*one.Timestamp)
			}
			for _, header := range one.Headers {
				value := []byte(nil)
				if header[1] != nil {
					value = append([]byte{}, *header[1]...)
				}
				made.Headers = append(made.Headers, kgo.RecordHeader{Key: *header[0], Value: value})
			}
			out = append(out, made)
		}
		for _, result := range client.ProduceSync(ctx, out...) {
			if result.Err != nil {
				return result.Err
			}
			if r.Acks == 0 {
				offsets = append(offsets, nil)
			} else {
				offsets = append(offsets, &result.Record.Offset)
			}
		}
		return nil
	}
	if err := send(r.Records); err != nil {
		return nil, err
	}
	if r.Then != nil {
		say(answer{"event": "sent"})
		if _, err := input.ReadBytes('\n'); err != nil {
			return nil, err
		}
		if err := send(r.Then); err != nil {
			return nil, err
		}
	}
	return answer{"offsets": offsets}, nil
}

func text(bytes []byte) *string {
	if bytes == nil {
		return nil
	}
	out := string(bytes)
	return &out
}

func consumedValue(value []byte) any {
	if len(value) <= 4096 {
		return text(value)
	}
	sum := sha256.Sum256(value)
	return answer{"bytes": len(value), "sha256": hex.EncodeToString(sum[:])}
}

func consume(ctx context.Context, r request) (answer, error) {
	start := map[string]map[int32]kgo.Offset{r.Topic: {r.Partition: kgo.NewOffset().At(r.Offset)}}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(r.Bootstrap), kgo.ClientID("interop-franz-go"), kgo.ConsumePartitions(start),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	records := []answer{}
	for len(records) < r.Count {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return nil, errs[0].Err
		}
		fetches.EachRecord(func(one *kgo.Record) {
			if len(records) == r.Count {
				return
			}
			headers := [][2]*string{}
			for _, header := range one.Headers {
				headers = append(headers, [2]*string{&header.Key, text(header.Value)})
			}
			records = append(records, answer{
				"offset": one.Offset, "timestamp": one.Timestamp.UnixMilli(),
				"key": text(one.Key), "value": consumedValue(one.Value), "headers": headers,
			})
		})
	}
	return answer{"records": records}, nil
}

func administer(ctx context.Context, admin *kadm.Client, r request) (answer, error) {
	switch r.Op {
	case "offsets":
		offsets := []int64{}
		for _, at := range r.At {
			list := admin.ListOffsetsAfterMilli
			var found kadm.ListedOffsets
			var err error
			switch at {
			case -2:
				found, err = admin.ListStartOffsets(ctx, r.Topic)
			case -1:
				found, err = admin.ListEndOffsets(ctx, r.Topic)
			default:
				found, err = list(ctx, at, r.Topic)
			}
			if err != nil {
				return nil, err
			}
			one, ok := found.Lookup(r.Topic, r.Partition)
			if !ok || one.Err != nil {
				return nil, errors.Join(errors.New("no offset"), one.Err)
			}
			offsets = append(offsets, one.Offset)
		}
		return answer{"offsets": offsets}, nil
	case "createTopic":
		configs := map[string]*string{}
		for name, value := range r.Configs {
			configs[name] = &value
		}
		_, err := admin.CreateTopic(ctx, r.Partitions, 1, configs, r.Topic)
		return answer{}, err
	case "deleteTopic":
		_, err := admin.DeleteTopic(ctx, r.Topic)
		return answer{}, err
	case "listTopics":
		topics, err := admin.ListTopics(ctx)
		return answer{"topics": topics.Names()}, err
	case "describeTopic":
		topics, err := admin.ListTopics(ctx, r.Topic)
		if err != nil {
			return nil, err
		}
		one := topics[r.Topic]
		return answer{"partitions": len(one.Partitions)}, one.Err
	case "createPartitions":
		answers, err := admin.UpdatePartitions(ctx, r.Total, r.Topic)
		if err != nil {
			return nil, err
		}
		return answer{}, answers.Error()
	case "describeConfigs":
		found, err := admin.DescribeTopicConfigs(ctx, r.Topic)
		if err != nil {
			return nil, err
		}
		configs := map[string]string{}
		for _, one := range found[0].Configs {
			for _, name := range r.Names {
				if one.Key == name {
					configs[name] = one.MaybeValue()
				}
			}
		}
		return answer{"configs": configs}, found[0].Err
	case "alterConfigs":
		set := []kadm.AlterConfig{}
		for name, value := range r.Set {
			set = append(set, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
		}
		answers, err := admin.AlterTopicConfigs(ctx, set, r.Topic)
		if err != nil {
			return nil, err
		}
		return answer{}, answers[0].Err
	}
	return nil, fmt.Errorf("unknown op %s", r.Op)
}
