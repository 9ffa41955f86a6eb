DROP TABLE notice_settings;
DROP TABLE notices;
