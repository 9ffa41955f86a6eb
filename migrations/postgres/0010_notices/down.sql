ALTER TABLE api_tokens DROP COLUMN rotated_at;
DROP TABLE notice_settings;
DROP TABLE notices;
