/**
 * Fills an empty shop so that it can sell: region, tax, stock, shipping, and products. Run once, while the image is
 * built; every new store then starts from a copy of the result. A second run finds the region and changes nothing.
 */
import type { ExecArgs, MedusaContainer } from "@medusajs/framework/types";
import { ContainerRegistrationKeys, Modules, ProductStatus } from "@medusajs/framework/utils";
import {
  createApiKeysWorkflow,
  createInventoryLevelsWorkflow,
  createProductsWorkflow,
  createRegionsWorkflow,
  createShippingOptionsWorkflow,
  createShippingProfilesWorkflow,
  createStockLocationsWorkflow,
  createTaxRegionsWorkflow,
  linkSalesChannelsToApiKeyWorkflow,
  linkSalesChannelsToStockLocationWorkflow,
  updateStoresWorkflow,
} from "@medusajs/medusa/core-flows";
import { CATALOGUE, COUNTRIES, CURRENCY, FLAT_RATES, STOCK, type Item } from "./catalogue";

/** The setup job replaces this origin with the store's own. */
const PICTURES = `${process.env.PUBLIC_URL}/static`;

export default async function seed({ container }: ExecArgs): Promise<void> {
  const regions = await container.resolve(Modules.REGION).listRegions({}, { take: 1 });
  if (regions.length > 0) {
    return;
  }
  const channel = await defaultSalesChannel(container);
  await createRegion(container);
  const location = await createLocation(container, channel);
  const profile = await createShipping(container, location);
  await createPublishableKey(container, channel);
  await createProducts(container, channel, profile);
  await stockUp(container, location);
}

/** Medusa makes the store and its default sales channel when it starts. */
async function defaultSalesChannel(container: MedusaContainer): Promise<string> {
  const [store] = await container.resolve(Modules.STORE).listStores({}, { relations: ["supported_currencies"] });
  const channel = store.default_sales_channel_id;
  if (!channel) {
    throw new Error("Medusa made no default sales channel");
  }
  await updateStoresWorkflow(container).run({
    input: {
      selector: { id: store.id },
      update: { supported_currencies: [{ currency_code: CURRENCY, is_default: true }] },
    },
  });
  return channel;
}

async function createRegion(container: MedusaContainer): Promise<void> {
  const { result } = await createRegionsWorkflow(container).run({
    input: {
      regions: [
        { name: "Europe", currency_code: CURRENCY, countries: COUNTRIES, payment_providers: ["pp_system_default"] },
      ],
    },
  });
  const [store] = await container.resolve(Modules.STORE).listStores();
  await updateStoresWorkflow(container).run({
    input: { selector: { id: store.id }, update: { default_region_id: result[0].id } },
  });
  await createTaxRegionsWorkflow(container).run({
    input: COUNTRIES.map((country_code) => ({ country_code, provider_id: "tp_system" })),
  });
}

async function createLocation(container: MedusaContainer, channel: string): Promise<string> {
  const { result } = await createStockLocationsWorkflow(container).run({
    input: {
      locations: [{ name: "Main warehouse", address: { address_1: "1 Market Street", city: "Berlin", country_code: "DE" } }],
    },
  });
  const location = result[0].id;
  await container.resolve(ContainerRegistrationKeys.LINK).create({
    [Modules.STOCK_LOCATION]: { stock_location_id: location },
    [Modules.FULFILLMENT]: { fulfillment_provider_id: "manual_manual" },
  });
  await linkSalesChannelsToStockLocationWorkflow(container).run({ input: { id: location, add: [channel] } });
  const [store] = await container.resolve(Modules.STORE).listStores();
  await updateStoresWorkflow(container).run({
    input: { selector: { id: store.id }, update: { default_location_id: location } },
  });
  return location;
}

/** Returns the shipping profile's id. */
async function createShipping(container: MedusaContainer, location: string): Promise<string> {
  const profile = await defaultProfile(container);
  const fulfilment = container.resolve(Modules.FULFILLMENT);
  const set = await fulfilment.createFulfillmentSets({
    name: "Delivery from the main warehouse",
    type: "shipping",
    service_zones: [
      { name: "Europe", geo_zones: COUNTRIES.map((country_code) => ({ country_code, type: "country" as const })) },
    ],
  });
  await container.resolve(ContainerRegistrationKeys.LINK).create({
    [Modules.STOCK_LOCATION]: { stock_location_id: location },
    [Modules.FULFILLMENT]: { fulfillment_set_id: set.id },
  });
  await createFlatRates(container, set.service_zones[0].id, profile);
  return profile;
}

async function defaultProfile(container: MedusaContainer): Promise<string> {
  const [existing] = await container.resolve(Modules.FULFILLMENT).listShippingProfiles({ type: "default" });
  if (existing) {
    return existing.id;
  }
  const { result } = await createShippingProfilesWorkflow(container).run({
    input: { data: [{ name: "Default shipping profile", type: "default" }] },
  });
  return result[0].id;
}

async function createFlatRates(container: MedusaContainer, zone: string, profile: string): Promise<void> {
  await createShippingOptionsWorkflow(container).run({
    input: FLAT_RATES.map(({ name, code, description, amount }) => ({
      name,
      price_type: "flat" as const,
      provider_id: "manual_manual",
      service_zone_id: zone,
      shipping_profile_id: profile,
      type: { label: name, code, description },
      prices: [{ currency_code: CURRENCY, amount }],
      rules: [
        { attribute: "enabled_in_store", value: "true", operator: "eq" as const },
        { attribute: "is_return", value: "false", operator: "eq" as const },
      ],
    })),
  });
}

/** The setup job gives each store a token of its own in place of this one. */
async function createPublishableKey(container: MedusaContainer, channel: string): Promise<void> {
  // Medusa's defaults may have made one already: the shop needs exactly one.
  const [existing] = await container.resolve(Modules.API_KEY).listApiKeys({ type: "publishable" });
  const key = existing ?? (await newPublishableKey(container));
  const { data } = await container.resolve(ContainerRegistrationKeys.QUERY).graph({
    entity: "api_key",
    fields: ["sales_channels.id"],
    filters: { id: key.id },
  });
  const linked = data[0]?.sales_channels?.some((other: { id: string } | null) => other?.id === channel);
  if (!linked) {
    await linkSalesChannelsToApiKeyWorkflow(container).run({ input: { id: key.id, add: [channel] } });
  }
}

async function newPublishableKey(container: MedusaContainer): Promise<{ id: string }> {
  const { result } = await createApiKeysWorkflow(container).run({
    input: { api_keys: [{ title: "Storefront", type: "publishable", created_by: "" }] },
  });
  return result[0];
}

async function createProducts(container: MedusaContainer, channel: string, profile: string): Promise<void> {
  // One by one, the first one last: lists show the newest first.
  for (const item of [...CATALOGUE].reverse()) {
    await createProductsWorkflow(container).run({ input: { products: [toProduct(item, channel, profile)] } });
  }
}

function toProduct(item: Item, channel: string, profile: string) {
  const picture = `${PICTURES}/${item.handle}.png`;
  return {
    title: item.title,
    subtitle: item.subtitle,
    handle: item.handle,
    description: item.description,
    weight: item.weight,
    status: ProductStatus.PUBLISHED,
    shipping_profile_id: profile,
    thumbnail: picture,
    images: [{ url: picture }],
    options: [{ title: item.option, values: item.variants.map((variant) => variant.value) }],
    variants: item.variants.map((variant) => ({
      title: variant.value,
      sku: variant.sku,
      manage_inventory: true,
      options: { [item.option]: variant.value },
      prices: [{ currency_code: CURRENCY, amount: variant.price }],
    })),
    sales_channels: [{ id: channel }],
  };
}

async function stockUp(container: MedusaContainer, location: string): Promise<void> {
  const items = await container.resolve(Modules.INVENTORY).listInventoryItems({}, { select: ["id"] });
  await createInventoryLevelsWorkflow(container).run({
    input: {
      inventory_levels: items.map(({ id }) => ({
        location_id: location,
        inventory_item_id: id,
        stocked_quantity: STOCK,
      })),
    },
  });
}
