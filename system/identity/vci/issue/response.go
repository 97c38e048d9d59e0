package issue

// Response is that of the credential and the deferred endpoint (OpenID4VCI 1.0,
// 8.3 and 9.2): credentials, or a transaction to ask for later.
type Response struct {
	Credentials    []Credential `json:"credentials,omitempty"`
	NotificationID string       `json:"notification_id,omitempty"`
	TransactionID  string       `json:"transaction_id,omitempty"`
	Interval       int64        `json:"interval,omitempty"`
}

// Credential is one credential in a response.
type Credential struct {
	Credential string `json:"credential"`
}

// Issued is the response to order.
func Issued(order *Order, credentials []string) *Response {
	response := &Response{NotificationID: order.ID, Credentials: make([]Credential, len(credentials))}
	for i, text := range credentials {
		response.Credentials[i].Credential = text
	}
	return response
}
