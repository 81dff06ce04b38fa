// A webhook receiver on net/http and franz-go, the two libraries under Redpanda Connect's
// http_server input and its Kafka output. Less than Connect: no pipeline, no mapping, no metrics.
// So it is an upper bound of what Connect could do, and stands in for it where it can't be built.
package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

type body struct {
	Entry []struct {
		ID json.RawMessage `json:"id"`
	} `json:"entry"`
}

func main() {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("DM_KAFKA")),
		// The embedded broker ends the connection of a client that greets it in a newer version.
		kgo.MaxVersions(kversion.V2_8_0()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DisableIdempotentWrite(), // the embedded broker has none, and ours does without
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
	)
	if err != nil {
		log.Fatal(err)
	}
	topic := os.Getenv("DM_TOPIC_PREFIX") + "dm.webhooks.v1"
	secret := []byte(os.Getenv("DM_META_APP_SECRETS"))
	http.HandleFunc("POST /webhooks/meta", func(answer http.ResponseWriter, request *http.Request) {
		raw, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, 1<<20))
		if err != nil {
			http.Error(answer, "body", http.StatusBadRequest)
			return
		}
		if !signed(secret, raw, request.Header.Get("X-Hub-Signature-256")) {
			http.Error(answer, "signature", http.StatusUnauthorized)
			return
		}
		var told body
		if json.Unmarshal(raw, &told) != nil || len(told.Entry) == 0 {
			http.Error(answer, "body", http.StatusBadRequest)
			return
		}
		digest, id := sha256.Sum256(raw), make([]byte, 16)
		rand.Read(id)
		record := &kgo.Record{
			Topic: topic,
			Key:   []byte(strings.Trim(string(told.Entry[0].ID), `"`)),
			Value: raw,
			Headers: []kgo.RecordHeader{
				{Key: "dm-provider", Value: []byte("meta")},
				{Key: "dm-received-at", Value: []byte(time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))},
				{Key: "dm-delivery-id", Value: []byte(hex.EncodeToString(id))},
				{Key: "dm-sha256", Value: []byte(hex.EncodeToString(digest[:]))},
			},
		}
		if err := client.ProduceSync(request.Context(), record).FirstErr(); err != nil {
			log.Print(err)
			http.Error(answer, "broker", http.StatusServiceUnavailable)
			return
		}
		answer.WriteHeader(http.StatusOK)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("DM_PORT"), nil))
}

func signed(secret, raw []byte, given string) bool {
	sum := hmac.New(sha256.New, secret)
	sum.Write(raw)
	return hmac.Equal([]byte("sha256="+hex.EncodeToString(sum.Sum(nil))), []byte(given))
}
