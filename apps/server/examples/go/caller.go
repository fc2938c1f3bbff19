package main

import (
	"context"
	"log"
	"net/http"
)

// Caller is the signed-in user. ExternalID is empty where the sign-in service knows none.
type Caller struct {
	UserID, SessionID, Appid, ExternalID string
}

type callerKey struct{}

// RequireCaller lets a request through when it says who sent it, and remembers that for CallerOf.
//
// nginx has asked the sign-in service already and overwritten these headers, so they are true as long as nobody else can
// reach this port.
func RequireCaller(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := Caller{
			UserID:     r.Header.Get("X-Auth-User-Id"),
			SessionID:  r.Header.Get("X-Auth-Session-Id"),
			Appid:      r.Header.Get("X-Auth-Appid"),
			ExternalID: r.Header.Get("X-Auth-External-Id"),
		}
		if caller.UserID == "" {
			// Not 401: that would tell the phone that its session is not valid. The configuration of the proxy is wrong.
			log.Print("a request without X-Auth-User-Id: it did not come through the proxy")
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
	})
}

// CallerOf answers who sent a request that RequireCaller has let through.
func CallerOf(r *http.Request) Caller {
	return r.Context().Value(callerKey{}).(Caller)
}
