import { HORIZON_DAYS, POPULATION_DAYS } from './features.ts'

export const churnDefinition = `Probability that a member has no tracked action in the ${HORIZON_DAYS} local days after the score’s day, for members with an action in the ${POPULATION_DAYS} days up to it. A logistic regression on recency (in units of the member’s own usual gap), frequency, trend, tenure, habit checks, unanswered messages, ignored nudges and open billing issues, counted from what had happened by the end of the day; calibrated on later data. It says who is likely to fall silent, not who would be kept by a message.`
