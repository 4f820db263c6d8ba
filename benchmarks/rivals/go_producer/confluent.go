package main

import (
	"log"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// confluent is the client that the ancestor used: librdkafka behind cgo.
type confluent struct {
	producer          *kafka.Producer
	topic             string
	sent, done, fails atomic.Int64
}

func newConfluent(s settings) (sender, error) {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers":            s.bootstrap,
		"acks":                         s.acks,
		"enable.idempotence":           s.acks == "all",
		"compression.type":             "lz4",
		"linger.ms":                    s.lingerMs,
		"batch.size":                   s.batchBytes,
		"batch.num.messages":           1_000_000,
		"queue.buffering.max.messages": 100_000,
		"partitioner":                  "murmur2_random",
		"go.delivery.report.fields":    "none",
	})
	if err != nil {
		return nil, err
	}
	c := &confluent{producer: producer, topic: s.topic}
	go c.count()
	return c, nil
}

func (c *confluent) send(key, value []byte) {
	c.sent.Add(1)
	message := kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &c.topic, Partition: kafka.PartitionAny}, Key: key, Value: value}
	for {
		err := c.producer.Produce(&message, nil)
		if err == nil {
			return
		}
		if found, ok := err.(kafka.Error); !ok || found.Code() != kafka.ErrQueueFull {
			log.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *confluent) count() {
	for event := range c.producer.Events() {
		switch e := event.(type) {
		case *kafka.Message:
			if e.TopicPartition.Error != nil {
				c.fails.Add(1)
			}
			c.done.Add(1)
		case kafka.Error:
			log.Print(e)
		}
	}
}

func (c *confluent) flush() {
	for c.done.Load() < c.sent.Load() {
		time.Sleep(time.Millisecond)
	}
}

func (c *confluent) failed() int64 { return c.fails.Load() }
