DROP TABLE connect_states;
DROP TABLE outgoing_credentials;
DROP TABLE connections;
