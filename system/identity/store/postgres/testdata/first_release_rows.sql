-- What the first release wrote.
INSERT INTO clients (id, name, redirect_uris, jwks, scopes, grant_types) VALUES
    ('old-client', 'Old', '{https://old.example/cb}', '{"keys":[]}', '{openid,profile}', '{authorization_code}');
INSERT INTO persons (individual_id, subject, pin_hash, claims) VALUES ('1', 's1', '\x00', '{}');
INSERT INTO grants (id, client_id, subject, scopes, claims) VALUES ('old-grant', 'old-client', 's1', '{openid}', '{name}');
INSERT INTO signing_keys (kid, node, jwk) VALUES ('k', 'n', '{}');
