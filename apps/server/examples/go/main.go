package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
)

func main() {
	mux := http.NewServeMux()
	mux.Handle("/api/orders", RequireCaller(http.HandlerFunc(orders)))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux))
}

// orders answers the orders of whoever asks.
func orders(w http.ResponseWriter, r *http.Request) {
	caller := CallerOf(r)
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"ordersOf": caller.UserID, "appid": caller.Appid})
}
