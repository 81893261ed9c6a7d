source("unterminated
