package conformance

func profileModules() []Module    { return nil }
func credentialModules() []Module { return nil }
