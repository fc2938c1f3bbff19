package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"
)

const maxCached = 10_000

var (
	bearer = regexp.MustCompile(`(?i)^bearer +(\S{1,1000})$`)
	client = http.Client{Timeout: 3 * time.Second}

	mutex sync.Mutex
	cache = map[[sha256.Size]byte]known{}
)

type known struct {
	until  time.Time
	caller *Caller
}

// RequireIntrospected takes the place of RequireCaller where there is no nginx: it asks the sign-in service itself, and
// answers 401 or 503.
//
// "Yes" is remembered for INTROSPECTION_CACHE_SECONDS: for as long, a session that was ended is still let in. "No" is not
// remembered.
func RequireIntrospected(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := findCaller(r.Header.Get("Authorization"))
		switch {
		case err != nil:
			// The service did not answer, or did not accept us: nothing is known about the session.
			log.Print(err)
			w.Header().Set("retry-after", "1")
			http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		case caller == nil:
			http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, *caller)))
		}
	})
}

// findCaller answers whose request it is; nil: there is no live session.
func findCaller(authorization string) (*Caller, error) {
	found := bearer.FindStringSubmatch(authorization)
	if found == nil {
		return nil, nil
	}
	// A token is a secret: only its digest is kept.
	key := sha256.Sum256([]byte(found[1]))
	mutex.Lock()
	remembered := cache[key]
	mutex.Unlock()
	if time.Now().Before(remembered.until) {
		return remembered.caller, nil
	}
	// From before the question: what it answers may be over by the time it is here.
	until := time.Now().Add(cacheFor())
	caller, err := introspect(found[1])
	mutex.Lock()
	defer mutex.Unlock()
	delete(cache, key)
	if caller == nil || err != nil {
		return nil, err
	}
	if len(cache) >= maxCached {
		for any := range cache {
			delete(cache, any)
			break
		}
	}
	cache[key] = known{until, caller}
	return caller, nil
}

func introspect(token string) (*Caller, error) {
	body, _ := json.Marshal(map[string]string{"token": token})
	question, err := http.NewRequest("POST", os.Getenv("SERVICE_URL")+"/service/v1/introspect", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	question.Header.Set("authorization", "Bearer "+os.Getenv("SERVICE_TOKEN"))
	question.Header.Set("content-type", "application/json")
	response, err := client.Do(question)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("introspection was answered %d", response.StatusCode)
	}
	var answer struct {
		Active     *bool
		Sub, Appid string
		SessionID  string `json:"session_id"`
		ExternalID string `json:"external_id"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Active == nil {
		return nil, errors.New("introspection was answered something else")
	}
	if !*answer.Active {
		return nil, nil
	}
	return &Caller{answer.Sub, answer.SessionID, answer.Appid, answer.ExternalID}, nil
}

// cacheFor is 5 s where nothing else is set; 0 asks for every request.
func cacheFor() time.Duration {
	seconds, err := strconv.ParseFloat(os.Getenv("INTROSPECTION_CACHE_SECONDS"), 64)
	if err != nil {
		seconds = 5
	}
	return time.Duration(seconds * float64(time.Second))
}
