DROP TABLE used_sign_ins;
DROP TABLE password_links;
DROP TABLE local_passwords;
DROP TABLE sessions;
