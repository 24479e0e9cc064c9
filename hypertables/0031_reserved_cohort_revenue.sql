-- Reserved for cohort_revenue; replaced before the first release that carries it.
select 1;
