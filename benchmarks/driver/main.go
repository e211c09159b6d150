// Command bench-driver loads a broker through franz-go and prints one JSON line of figures.
//
// Its modes are: create, ready, alter, delete (topics), produce, consume, paced, roundtrip, idle, and steady, which
// holds memory. Every mode but steady takes -bootstrap; times are in milliseconds unless the name says otherwise, sizes
// in bytes. The exit code is 1 when a record was refused or lost.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
)

type options struct {
	bootstrap     string
	topic         string
	partitions    int
	configs       string
	records       int
	times         int
	valueBytes    int
	batchBytes    int
	acks          string
	keys          int
	ratePerSecond int
	seconds       float64
	connections   int
	holdBytes     int
	freeBytes     int
}

func parse(args []string) options {
	var o options
	flags := flag.NewFlagSet("bench-driver", flag.ExitOnError)
	flags.StringVar(&o.bootstrap, "bootstrap", "localhost:9092", "host:port of one broker")
	flags.StringVar(&o.topic, "topic", "bench", "topic name")
	flags.IntVar(&o.partitions, "partitions", 1, "partitions to create or to use")
	flags.StringVar(&o.configs, "configs", "", "topic configs for create and alter: name=value;name=value")
	flags.IntVar(&o.records, "records", 100000, "records to produce or to consume")
	flags.IntVar(&o.times, "times", 1, "how often to consume them")
	flags.IntVar(&o.valueBytes, "value-bytes", 1024, "bytes of each value")
	flags.IntVar(&o.batchBytes, "batch-bytes", 16384, "largest batch")
	flags.StringVar(&o.acks, "acks", "all", "0, 1 or all")
	flags.IntVar(&o.keys, "keys", 0, "number of different keys; 0 means no keys")
	flags.IntVar(&o.ratePerSecond, "rate", 1000, "records per second for paced")
	flags.Float64Var(&o.seconds, "seconds", 10, "duration of paced; 0 means until standard input ends")
	flags.IntVar(&o.connections, "connections", 1000, "connections for idle")
	flags.IntVar(&o.holdBytes, "hold-bytes", 0, "memory that steady keeps from everybody")
	flags.IntVar(&o.freeBytes, "free-bytes", 0, "memory that steady leaves, in pieces of less than 1 MiB")
	_ = flags.Parse(args)
	return o
}

// cpuSeconds is the processor time this process has used, user and system.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func main() {
	modes := map[string]func(context.Context, options) (any, error){
		"create":    create,
		"ready":     ready,
		"alter":     alter,
		"delete":    remove,
		"produce":   produce,
		"consume":   consume,
		"paced":     paced,
		"roundtrip": roundtrip,
		"idle":      idle,
		"steady":    steady,
	}
	names := slices.Sorted(maps.Keys(modes))
	if len(os.Args) < 2 || modes[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: bench-driver %s [flags]\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	// The driver should spend its time on the protocol, not on collecting its own garbage.
	debug.SetGCPercent(400)
	result, err := modes[os.Args[1]](context.Background(), parse(os.Args[2:]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}
