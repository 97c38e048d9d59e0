package conformance

func credentialModules() []Module { return nil }
