-- A table of users that was there before the sign-in with WeChat.
CREATE TABLE members (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
  created_at DATETIME(3) NOT NULL,
  nickname VARCHAR(64) NOT NULL DEFAULT '',
  avatarUrl VARCHAR(1024) NOT NULL DEFAULT '',
  gender TINYINT NOT NULL DEFAULT 0,
  country VARCHAR(64) NOT NULL DEFAULT '',
  province VARCHAR(64) NOT NULL DEFAULT '',
  city VARCHAR(64) NOT NULL DEFAULT '',
  language VARCHAR(35) NOT NULL DEFAULT ''
) CHARACTER SET utf8mb4;

-- What it needs for that. ascii_bin compares byte by byte: two openids may differ in the case of a letter.
ALTER TABLE members
  ADD external_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin UNIQUE,
  ADD disabled TEXT,
  ADD erasing_at BIGINT;
CREATE TABLE member_wechat (
  appid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  openid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  unionid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
  member_id INT UNSIGNED NOT NULL,
  PRIMARY KEY (appid, openid),
  UNIQUE (member_id, appid),
  KEY (unionid),
  FOREIGN KEY (member_id) REFERENCES members (id) ON DELETE CASCADE
);
