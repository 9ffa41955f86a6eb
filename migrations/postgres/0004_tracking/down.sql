DROP TABLE pairing_attempts;
DROP TABLE pairings;
DROP TABLE timers;
