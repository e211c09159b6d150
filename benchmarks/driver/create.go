package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// create makes the topic and returns when every partition has a leader.
func create(ctx context.Context, o options) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(o.bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	started := time.Now()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic = o.topic
	topic.NumPartitions = int32(o.partitions)
	topic.ReplicationFactor = 1
	for _, pair := range strings.FieldsFunc(o.configs, func(r rune) bool { return r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, kmsg.StringPtr(value)
		topic.Configs = append(topic.Configs, config)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, topic)
	request.TimeoutMillis = 60000
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	for _, answer := range response.Topics {
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return nil, fmt.Errorf("create %s: %w", answer.Topic, err)
		}
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return nil, errors.New("the partitions had no leaders within 60 s")
		}
		if ready(ctx, client, o) {
			break
		}
	}
	return map[string]any{"topic": o.topic, "seconds": time.Since(started).Seconds()}, nil
}

func ready(ctx context.Context, client *kgo.Client, o options) bool {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(o.topic)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil || len(response.Topics) != 1 || len(response.Topics[0].Partitions) != o.partitions {
		return false
	}
	for _, partition := range response.Topics[0].Partitions {
		if partition.ErrorCode != 0 {
			return false
		}
	}
	return true
}
