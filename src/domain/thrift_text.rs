//! Reads the method and the SQL text out of a Thrift call.
