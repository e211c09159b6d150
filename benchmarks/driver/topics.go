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

// pairs splits name=value;name=value.
func pairs(configs string) [][2]string {
	var out [][2]string
	for _, pair := range strings.FieldsFunc(configs, func(r rune) bool { return r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		out = append(out, [2]string{name, value})
	}
	return out
}

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
	for _, pair := range pairs(o.configs) {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = pair[0], kmsg.StringPtr(pair[1])
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
	return await(ctx, client, o, started)
}

// ready waits until the topic exists and every partition has a leader.
func ready(ctx context.Context, o options) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(o.bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return await(ctx, client, o, time.Now())
}

func await(ctx context.Context, client *kgo.Client, o options, started time.Time) (any, error) {
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if led(ctx, client, o) {
			return map[string]any{"topic": o.topic, "seconds": time.Since(started).Seconds()}, nil
		}
	}
	return nil, errors.New("the partitions had no leaders within 60 s")
}

func led(ctx context.Context, client *kgo.Client, o options) bool {
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

// remove deletes the topic.
func remove(ctx context.Context, o options) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(o.bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TopicNames = []string{o.topic}
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr(o.topic)
	request.Topics = append(request.Topics, topic)
	request.TimeoutMillis = 60000
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	for _, answer := range response.Topics {
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return nil, fmt.Errorf("delete %s: %w", o.topic, err)
		}
	}
	return map[string]any{"topic": o.topic}, nil
}

// alter sets topic configs.
func alter(ctx context.Context, o options) (any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(o.bootstrap))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType = kmsg.ConfigResourceTypeTopic
	resource.ResourceName = o.topic
	for _, pair := range pairs(o.configs) {
		config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		config.Name, config.Value = pair[0], kmsg.StringPtr(pair[1])
		config.Op = kmsg.IncrementalAlterConfigOpSet
		resource.Configs = append(resource.Configs, config)
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	for _, answer := range response.Resources {
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return nil, fmt.Errorf("alter %s: %w", o.topic, err)
		}
	}
	return map[string]any{"topic": o.topic}, nil
}
