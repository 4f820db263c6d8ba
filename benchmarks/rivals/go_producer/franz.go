package main

import (
	"context"
	"log"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franz is the fastest client in Go alone.
type franz struct {
	client *kgo.Client
	fails  atomic.Int64
}

func newFranz(s settings) (sender, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(s.bootstrap),
		kgo.DefaultProduceTopic(s.topic),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.ProducerLinger(time.Duration(s.lingerMs) * time.Millisecond),
		kgo.ProducerBatchMaxBytes(int32(s.batchBytes)),
		kgo.MaxBufferedRecords(100_000),
	}
	if s.acks != "all" {
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return &franz{client: client}, nil
}

func (f *franz) send(key, value []byte) {
	f.client.Produce(context.Background(), &kgo.Record{Key: key, Value: value}, f.arrived)
}

func (f *franz) arrived(_ *kgo.Record, err error) {
	if err != nil {
		f.fails.Add(1)
	}
}

func (f *franz) flush() {
	if err := f.client.Flush(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func (f *franz) failed() int64 { return f.fails.Load() }
