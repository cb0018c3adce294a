// Only here to build the precompiled header that all tests share.
