/** An error whose message is meant for the person before the screen. */
export class Refused extends Error {}
