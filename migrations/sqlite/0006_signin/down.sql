DROP TABLE audit;
DROP TABLE sign_in_counts;
DROP TABLE windows_passwords;
DROP TABLE identities;
