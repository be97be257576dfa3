-- Which incidents are drills: their acts count against nobody in an emergency, and every message
-- about them is marked.

ALTER TABLE incident ADD COLUMN drill INTEGER NOT NULL DEFAULT 0 CHECK (drill IN (0, 1));  -- 1: a drill, over a decoy
