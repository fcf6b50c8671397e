/** What people type: read as short single lines of text, and judged before anything else sees it. */

export type Errors = Record<string, string>;

/** Nothing longer is looked at; each field has a limit of its own below that. */
const LONGEST = 1000;
export const MAX_QUANTITY = 999;
const EMAIL = /^[^\s@<>",;:()[\]\\]+@[^\s@<>",;:()[\]\\.]+(\.[^\s@<>",;:()[\]\\.]+)+$/;

/** Lists and objects, which a form can be made to send, count as empty. The database takes no control characters. */
export function textField(body: unknown, name: string): string {
  const value = (body as Record<string, unknown> | undefined)?.[name];
  return typeof value === "string" ? value.slice(0, LONGEST).replace(/[\p{Cc}\s]+/gu, " ").trim() : "";
}

/** A whole number from 0 to the largest that the shop takes at once, or null. */
export function quantityField(body: unknown, name: string): number | null {
  const text = textField(body, name);
  return /^\d{1,3}$/.test(text) ? Number(text) : null;
}

export interface Field {
  name: string;
  label: string;
  autocomplete: string;
  max: number;
  required: boolean;
  type?: "email" | "tel";
  hint?: string;
}

export const CONTACT_FIELDS: Field[] = [
  { name: "email", label: "E-mail address", autocomplete: "email", max: 254, required: true, type: "email" },
];

const PROVINCE: Field = { name: "province", label: "State or province", autocomplete: "address-level1", max: 100, required: false };

const ADDRESS_FIELDS: Field[] = [
  { name: "first_name", label: "First name", autocomplete: "given-name", max: 100, required: true },
  { name: "last_name", label: "Last name", autocomplete: "family-name", max: 100, required: true },
  { name: "address_1", label: "Street and number", autocomplete: "address-line1", max: 200, required: true },
  { name: "address_2", label: "Flat, floor or company", autocomplete: "address-line2", max: 200, required: false },
  { name: "postal_code", label: "Postcode", autocomplete: "postal-code", max: 20, required: true },
  { name: "city", label: "Town or city", autocomplete: "address-level2", max: 100, required: true },
  PROVINCE,
];

/** Comes last, after the country. */
export const PHONE_FIELD: Field = {
  name: "phone",
  label: "Telephone",
  autocomplete: "tel",
  max: 40,
  required: false,
  type: "tel",
  hint: "Only for questions about the delivery.",
};

/** Where an address names the state or province. */
const WITH_PROVINCES = ["ar", "au", "br", "ca", "cn", "in", "jp", "mx", "my", "us"];
/** Where there are no postcodes to ask for. */
const WITHOUT_POSTCODES = ["ae", "ag", "ao", "bj", "bo", "bs", "bw", "bz", "ci", "cm", "dj", "dm", "fj", "gd", "gh", "gm", "gy", "hk",
  "ie", "jm", "ki", "kn", "lc", "ml", "mo", "mr", "mw", "na", "pa", "qa", "rw", "sb", "sc", "sl", "sr", "st", "td", "tg", "to", "tv",
  "ug", "vu", "ye", "zw"];

export function addressFields(countries: string[]): Field[] {
  const wantsProvince = countries.some((country) => WITH_PROVINCES.includes(country));
  return wantsProvince ? ADDRESS_FIELDS : ADDRESS_FIELDS.filter((field) => field !== PROVINCE);
}

export interface Details {
  email: string;
  address: Record<string, string>;
}

export function readDetails(body: unknown, countries: string[]): { details: Details; errors: Errors } {
  const fields = addressFields(countries);
  const address = Object.fromEntries([...fields, PHONE_FIELD].map(({ name }) => [name, textField(body, name)]));
  address.country_code = textField(body, "country_code").toLowerCase();
  const email = textField(body, "email");
  const errors: Errors = {};
  check(CONTACT_FIELDS[0], email, errors);
  for (const field of fields) {
    const optional = field.name === "postal_code" && WITHOUT_POSTCODES.includes(address.country_code);
    check(optional ? { ...field, required: false } : field, address[field.name], errors);
  }
  if (!countries.includes(address.country_code)) {
    errors.country_code = "Choose the country to deliver to";
  }
  check(PHONE_FIELD, address.phone, errors);
  return { details: { email, address }, errors };
}

function check({ name, label, max, required, type }: Field, value: string, errors: Errors): void {
  if (required && !value) {
    errors[name] = `Enter ${withArticle(label)}`;
  } else if (value.length > max) {
    errors[name] = `${label} can have ${max} characters at most`;
  } else if (type === "email" && !EMAIL.test(value)) {
    errors[name] = "Enter an e-mail address like name@example.com";
  } else if (type === "tel" && value && !/^[+\d][\d ()./-]*$/.test(value)) {
    errors[name] = "Enter a telephone number with digits only, or leave it empty";
  }
}

function withArticle(label: string): string {
  return `your ${label.charAt(0).toLowerCase()}${label.slice(1)}`;
}
