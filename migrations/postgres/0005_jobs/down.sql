DROP TABLE import_profiles;
DROP TABLE import_rows;
DROP TABLE job_problems;
DROP TABLE job_files;
DROP TABLE jobs;
