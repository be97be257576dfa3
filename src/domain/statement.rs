//! Is a text surely one reading SQL statement?
