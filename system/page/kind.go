package page

import "net/http"

// Kind tells what an error page is about.
type Kind string

// The kinds of error page.
const (
	// Unavailable is an infrastructure error: trying again may help.
	Unavailable Kind = "unavailable"
	// ServerError is a defect of ours.
	ServerError Kind = "server_error"
	// BadRequest is a defect of the client, which gets told in Detail.
	BadRequest Kind = "bad_request"
	// Gone is a login that has expired or is finished.
	Gone Kind = "gone"
	// Expired is a login that this browser holds no cookie of.
	Expired Kind = "expired"
	// Foreign is a form or a cookie that is not from here.
	Foreign Kind = "foreign"
	// Locked is a person or a login after too many attempts.
	Locked Kind = "locked"
	// Unsupported is a step that this provider or client does not offer.
	Unsupported Kind = "unsupported"
	// NotFound is an address without a page.
	NotFound Kind = "not_found"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{Unavailable, ServerError, BadRequest, Gone, Expired, Foreign, Locked, Unsupported, NotFound}
}

// Status is the HTTP status that goes with the kind.
func (k Kind) Status() int {
	switch k {
	case Unavailable:
		return http.StatusServiceUnavailable
	case BadRequest:
		return http.StatusBadRequest
	case Gone, Expired:
		return http.StatusGone
	case Foreign, Locked:
		return http.StatusForbidden
	case Unsupported, NotFound:
		return http.StatusNotFound
	default:
		return http.StatusInternalServerError
	}
}

// Code is what people quote and monitors look for: IDP- with the status and a
// number among the kinds of that status. Codes never change their meaning.
func (k Kind) Code() string {
	switch k {
	case Unavailable:
		return "IDP-5031"
	case BadRequest:
		return "IDP-4001"
	case Gone:
		return "IDP-4101"
	case Expired:
		return "IDP-4102"
	case Foreign:
		return "IDP-4031"
	case Locked:
		return "IDP-4032"
	case NotFound:
		return "IDP-4041"
	case Unsupported:
		return "IDP-4042"
	default:
		return "IDP-5001"
	}
}
