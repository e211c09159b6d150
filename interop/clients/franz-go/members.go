package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type partitionOffset struct {
	Topic     string
	Partition int32
	Offset    int64
}

// partitionOffsets are those of a commit. A transaction has a boolean there, which its session knows already.
type partitionOffsets []partitionOffset

// UnmarshalJSON takes a list; null and a boolean are none.
func (o *partitionOffsets) UnmarshalJSON(raw []byte) error {
	if raw[0] != '[' {
		*o = nil
		return nil
	}
	var list []partitionOffset
	err := json.Unmarshal(raw, &list)
	*o = list
	return err
}

// member is the program's one membership in a group. Calls about assignments come from other goroutines.
type member struct {
	client     *kgo.Client
	session    *kgo.GroupTransactSession
	byItself   bool
	most       int
	mu         sync.Mutex
	assigned   map[string]bool
	lost       []string
	rebalances int
}

var joined *member

func names(partitions map[string][]int32) []string {
	out := []string{}
	for topic, numbers := range partitions {
		for _, number := range numbers {
			out = append(out, fmt.Sprintf("%s-%d", topic, number))
		}
	}
	return out
}

func (m *member) onAssigned(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rebalances++
	for _, name := range names(partitions) {
		m.assigned[name] = true
	}
}

// onRevoked commits, where the client does so by itself, as its own function would that this one takes the place of.
func (m *member) onRevoked(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
	if m.byItself {
		_ = client.CommitUncommittedOffsets(context.WithoutCancel(ctx))
	}
	m.onLost(ctx, client, partitions)
}

func (m *member) onLost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range names(partitions) {
		delete(m.assigned, name)
		m.lost = append(m.lost, name)
	}
}

func join(r request) (answer, error) {
	if r.Protocol == "consumer" && r.InstanceID != nil {
		return nil, unsupported("franz-go leaves a KIP-848 group without its instance id, which brokers refuse")
	}
	m := &member{most: r.MaxPollRecords, assigned: map[string]bool{}, lost: []string{}, byItself: r.AutoCommitMs != nil}
	session := time.Duration(r.SessionTimeoutMs) * time.Millisecond
	opts := []kgo.Opt{
		kgo.SeedBrokers(r.Bootstrap), kgo.ClientID("interop-franz-go"), kgo.ConsumerGroup(r.Group),
		kgo.ConsumeTopics(r.Topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(m.onAssigned), kgo.OnPartitionsRevoked(m.onRevoked), kgo.OnPartitionsLost(m.onLost),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.MetadataMinAge(200 * time.Millisecond), kgo.MetadataMaxAge(time.Second),
	}
	switch {
	case r.Protocol == "consumer":
		opts = append(opts, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	case r.Assignor == "cooperative":
		opts = append(opts, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	default:
		opts = append(opts, kgo.Balancers(kgo.RangeBalancer()))
	}
	if r.Protocol == "classic" {
		opts = append(opts, kgo.SessionTimeout(session), kgo.HeartbeatInterval(session/10))
	}
	if r.Pattern != nil {
		opts = append(opts, kgo.ConsumeTopics("^"+*r.Pattern+"$"), kgo.ConsumeRegex())
	}
	if r.InstanceID != nil {
		opts = append(opts, kgo.InstanceID(*r.InstanceID))
	}
	if r.Isolation == "read_committed" {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	var err error
	switch {
	case r.TransactionalID != nil:
		opts = append(opts, kgo.TransactionalID(*r.TransactionalID), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		m.session, err = kgo.NewGroupTransactSession(opts...)
		if err == nil {
			m.client = m.session.Client()
		}
	case r.AutoCommitMs != nil:
		opts = append(opts, kgo.AutoCommitInterval(time.Duration(*r.AutoCommitMs)*time.Millisecond))
		m.client, err = kgo.NewClient(opts...)
	default:
		m.client, err = kgo.NewClient(append(opts, kgo.DisableAutoCommit())...)
	}
	joined = m
	return answer{}, err
}

func poll(ctx context.Context) (answer, error) {
	m := joined
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	fetches := m.client.PollRecords(ctx, m.most)
	for _, one := range fetches.Errors() {
		if !errors.Is(one.Err, context.DeadlineExceeded) {
			return nil, one.Err
		}
	}
	records := []answer{}
	fetches.EachRecord(func(one *kgo.Record) {
		records = append(records, answer{
			"topic": one.Topic, "partition": one.Partition, "offset": one.Offset, "value": text(one.Value),
		})
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	assigned := []string{}
	for name := range m.assigned {
		assigned = append(assigned, name)
	}
	lost := append([]string{}, m.lost...)
	return answer{"assigned": assigned, "lost": lost, "rebalances": m.rebalances, "records": records}, nil
}

func commit(ctx context.Context, r request) (answer, error) {
	offsets := joined.client.UncommittedOffsets()
	if r.Offsets != nil {
		offsets = map[string]map[int32]kgo.EpochOffset{}
		for _, one := range r.Offsets {
			if offsets[one.Topic] == nil {
				offsets[one.Topic] = map[int32]kgo.EpochOffset{}
			}
			offsets[one.Topic][one.Partition] = kgo.EpochOffset{Epoch: -1, Offset: one.Offset}
		}
	}
	done := make(chan error, 1)
	onDone := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		if err == nil {
			for _, topic := range response.Topics {
				for _, one := range topic.Partitions {
					err = errors.Join(err, kerr.ErrorForCode(one.ErrorCode))
				}
			}
		}
		done <- err
	}
	if r.Async {
		joined.client.CommitOffsets(ctx, offsets, onDone)
	} else {
		joined.client.CommitOffsetsSync(ctx, offsets, onDone)
	}
	return answer{}, <-done
}

func leave(ctx context.Context) (answer, error) {
	if joined == nil {
		return answer{}, nil
	}
	err := joined.client.LeaveGroupContext(ctx)
	joined.client.Close()
	joined = nil
	return answer{}, err
}

// transactor is what a client alone and a group's session have in common.
type transactor struct {
	id     string
	client *kgo.Client
	open   bool
}

var transacting transactor

// transact uses the member's client where it joined with this transactional id: offsets are committed by that alone.
func transact(ctx context.Context, r request) (answer, error) {
	if r.TransactionalID == nil {
		return nil, errors.New("no transactional id")
	}
	if transacting.id != *r.TransactionalID {
		transacting = transactor{id: *r.TransactionalID}
		if joined == nil || joined.session == nil {
			client, err := kgo.NewClient(
				kgo.SeedBrokers(r.Bootstrap), kgo.ClientID("interop-franz-go"), kgo.TransactionalID(transacting.id),
				kgo.RecordPartitioner(kgo.ManualPartitioner()),
			)
			if err != nil {
				return nil, err
			}
			transacting.client = client
		}
	}
	session := transacting.client == nil
	client := transacting.client
	if session {
		client = joined.client
	}
	if !transacting.open {
		begin := client.BeginTransaction
		if session {
			begin = joined.session.Begin
		}
		if err := begin(); err != nil {
			return nil, err
		}
	}
	transacting.open = true
	out := []*kgo.Record{}
	for _, one := range r.Records {
		out = append(out, &kgo.Record{Topic: one.Topic, Partition: one.Partition, Value: one.Value.bytes})
	}
	if err := client.ProduceSync(ctx, out...).FirstErr(); err != nil {
		return nil, err
	}
	if r.End == "open" {
		return answer{}, nil
	}
	transacting.open = false
	end := kgo.TransactionEndTry(r.End == "commit")
	if !session {
		return answer{}, client.EndTransaction(ctx, end)
	}
	committed, err := joined.session.End(ctx, end)
	if err == nil && committed != bool(end) {
		err = errors.New("a rebalance aborted the transaction")
	}
	return answer{}, err
}
