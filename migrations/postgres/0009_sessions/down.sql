DROP TABLE sign_in_states;
DROP TABLE password_links;
DROP TABLE local_passwords;
DROP TABLE sessions;
