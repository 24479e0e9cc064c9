-- The three sketch types of the toolkit shim and its version marker. Composite, so a continuous aggregate can store,
-- compress and index-scan past them like any other column. Every stored sketch is canonical: the same set of values gives
-- the same bytes, whatever the order of rows or rollups.

-- Percentile sketch. Value v != 0 is in bucket k = ceil(ln|v| / ln gamma) of resolution 2^-compactions.
--   compactions  times neighbouring buckets were joined (0..3); the error of a percentile is 0.1 %, 0.2 %, 0.4 % or 0.8 %
--   n, s         number of values, and their sum (numeric: exact, so the order of additions cannot show)
--   keys         sign(v) * (k + 2^20), ascending = ascending value; 0 holds zeros, +-2^21 the infinities
--   counts       values per key
create type public.uddsketch as (compactions integer, n bigint, s numeric, keys integer[], counts bigint[]);

-- Distinct-count sketch with 2^precision registers; exactly one of the two forms is set.
--   sparse  sorted codes (hash prefix of 25 bits << 6 | rank of the rest), while they take no more room than registers do
--   dense   dense[r] has bit i set when register i >= r, so the union of two sketches is a bitwise OR
create type public.hyperloglog as (precision integer, sparse integer[], dense bit varying[]);

-- Count, sum and sum of squared differences from the mean (Youngs-Cramer, as in PostgreSQL's own float8_accum).
create type public.statssummary1d as (n bigint, sx double precision, sxx double precision);
