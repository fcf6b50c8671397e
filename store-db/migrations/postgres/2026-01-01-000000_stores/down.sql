DROP TABLE idempotency_keys;
DROP TABLE events;
DROP TABLE sealed_passwords;
DROP TABLE stores;
DROP TABLE installation;
