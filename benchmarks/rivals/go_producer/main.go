// A fleet as it is usually written in Go: goroutines step along stored points, json.Marshal makes each record, and one Produce call sends it.
//
//	go_producer -bootstrap HOST:PORT -topic TOPIC [-client confluent|franz] [-warmup N] [-records N] [-drivers N] [-goroutines N] < points.json
//
// The points come from stdin as a JSON list of routes, each a list of [lat, lng]; nothing is interpolated. A record counts once Kafka has acknowledged it.
// Prints one JSON object; its seconds are those from the first record after the warm-up until the last acknowledgement.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// sender is a Kafka client. send may wait for room; flush returns once every record so far is acknowledged or has failed.
type sender interface {
	send(key, value []byte)
	flush()
	failed() int64
}

type settings struct {
	bootstrap, topic, acks string
	lingerMs, batchBytes   int
}

type point [2]float64

// position has the ancestor's four fields first, then ours.
type position struct {
	RouteID    string  `json:"routeId"`
	ClientID   string  `json:"clientId"`
	Position   point   `json:"position"`
	Finished   bool    `json:"finished"`
	DeliveryID string  `json:"deliveryId"`
	DriverID   string  `json:"driverId"`
	RunID      string  `json:"runId"`
	Seq        int     `json:"seq"`
	EventTime  int64   `json:"eventTime"`
	Speed      float64 `json:"speed"`
	Bearing    float64 `json:"bearing"`
	Distance   float64 `json:"distance"`
}

type driver struct {
	position
	key    []byte
	points []point
}

func newDriver(number int, routes [][]point) *driver {
	route := number % len(routes)
	delivery := fmt.Sprintf("live-car-%05d-3", number)
	return &driver{
		position: position{
			RouteID:    fmt.Sprintf("liechtenstein-%04d", route),
			ClientID:   "scenario",
			DeliveryID: delivery,
			DriverID:   fmt.Sprintf("car-%05d", number),
			RunID:      "live",
			EventTime:  1_700_000_000_000 + int64(number%1000),
			Speed:      13.89,
		},
		key:    []byte(delivery),
		points: routes[route],
	}
}

// next makes the driver's next record.
func (d *driver) next() []byte {
	d.Position = d.points[d.Seq%len(d.points)]
	d.Bearing = float64((d.Seq*37)%3600) / 10
	d.Distance = math.Round(float64(d.Seq)*138.9) / 10
	value, err := json.Marshal(&d.position)
	if err != nil {
		log.Fatal(err)
	}
	d.Seq++
	d.EventTime += 1000
	return value
}

// drive has every crew of drivers, a goroutine each, send records by turns until they have made so many; it returns their bytes.
func drive(crews [][]*driver, client sender, records int64) int64 {
	var left, bytes atomic.Int64
	left.Store(records)
	var driving sync.WaitGroup
	for _, crew := range crews {
		driving.Add(1)
		go func() {
			defer driving.Done()
			sent := int64(0)
			for turn := 0; left.Add(-1) >= 0; turn++ {
				d := crew[turn%len(crew)]
				value := d.next()
				client.send(d.key, value)
				sent += int64(len(value))
			}
			bytes.Add(sent)
		}()
	}
	driving.Wait()
	client.flush()
	return bytes.Load()
}

// cpuSeconds is the processor time of this process so far.
func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func main() {
	var s settings
	flag.StringVar(&s.bootstrap, "bootstrap", "127.0.0.1:9092", "Kafka broker")
	flag.StringVar(&s.topic, "topic", "", "topic, which must be there")
	flag.StringVar(&s.acks, "acks", "all", "all (with idempotence) or 1 (without)")
	flag.IntVar(&s.lingerMs, "linger", 10, "linger, ms")
	flag.IntVar(&s.batchBytes, "batch", 1_000_000, "batch size, bytes")
	kind := flag.String("client", "confluent", "confluent or franz")
	warmup := flag.Int64("warmup", 100_000, "records to send before the clock starts")
	records := flag.Int64("records", 1_000_000, "records to send")
	drivers := flag.Int("drivers", 10_000, "drivers")
	goroutines := flag.Int("goroutines", 8, "goroutines that the drivers are spread over")
	flag.Parse()

	var routes [][]point
	if err := json.NewDecoder(os.Stdin).Decode(&routes); err != nil {
		log.Fatal("points on stdin: ", err)
	}
	crews := make([][]*driver, *goroutines)
	for number := range *drivers {
		crews[number%len(crews)] = append(crews[number%len(crews)], newDriver(number, routes))
	}
	clients := map[string]func(settings) (sender, error){"confluent": newConfluent, "franz": newFranz}
	open, known := clients[*kind]
	if !known {
		log.Fatalf("client must be confluent or franz, found %q", *kind)
	}
	client, err := open(s)
	if err != nil {
		log.Fatal(err)
	}
	drive(crews, client, *warmup)
	began, beganCPU := time.Now(), cpuSeconds()
	bytes := drive(crews, client, *records)
	told := map[string]any{
		"records":     *records,
		"failed":      client.failed(),
		"seconds":     time.Since(began).Seconds(),
		"cpu_seconds": cpuSeconds() - beganCPU,
		"mean_bytes":  float64(bytes) / float64(*records),
	}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		log.Fatal(err)
	}
}
